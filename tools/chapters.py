"""The chapters as files: pages, front matter, notebooks, and what of them is prose. For tools, theme and tests."""

# Every chapter that the book will have, by number; what exists already stands in _toc.yml.
CHAPTERS = dict(
    enumerate(
        [
            # 1, the role
            "the-role", "platform", "certification-path", "human-core",
            # 2, foundations and toolkit
            "azure-foundations", "networks", "how-models-learn", "azure-machine-learning", "language", "vision",
            "speech-and-translation", "knowledge-mining", "generative-ai", "bots-and-agents", "where-it-runs",
            "design-decisions", "foresight",
            # 3, engineering
            "from-problem-to-model", "deployment", "observability", "fairness", "interpretability",
            "feedback-and-releases", "inclusive-design",
            # 4, the career
            "pay-and-demand", "industries", "growing", "capstone",
        ],
        start=1,
    )
)  # fmt: skip

# Chapters that are not yet rebuilt to the second edition of the form. Whoever lands one takes its line away; the last
# takes the list with it. (The words between the lines let two people do so at the same time.)
FIRST_EDITION = [
    # the role
    "01-the-role",
    # platform
    "02-platform",
    # certification path
    # human core
    "04-human-core",
    # Azure Machine Learning
    "08-azure-machine-learning",
    # the template
    "template",
]


def of_first_edition(stem: str) -> bool:
    """Whether a page or a notebook belongs to a chapter that has not been rebuilt yet."""
    return stem in FIRST_EDITION or any(stem[:3] == old[:3] and stem[:2].isdigit() for old in FIRST_EDITION)
