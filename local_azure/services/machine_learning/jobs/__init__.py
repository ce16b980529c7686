"""Jobs: what is submitted, how it is run, and what run history says of it."""
