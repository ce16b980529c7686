"""When something that recurs is due: cron expressions and intervals with patterns, in any time zone.

dateutil does the counting of days, weeks and months; Babel knows which time zone Windows calls by which name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FREQUENCIES = ("Minute", "Hour", "Day", "Week", "Month")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CRON_DAYS = (DAYS[-1], *DAYS[:-1])  # cron counts from Sunday
# Names of Windows that Babel leaves out, since Windows itself has given them up.
GIVEN_UP = {"Mid-Atlantic Standard Time": "Atlantic/South_Georgia", "Kamchatka Standard Time": "Asia/Kamchatka"}
MOST_INTERVAL = 1000


def zone(name):
    """The time zone of a Windows name such as "W. Europe Standard Time"; ValueError if there is none."""
    if name.upper() == "UTC":
        return UTC
    from babel.core import get_global  # 20 ms, for those who need it

    known = get_global("windows_zone_mapping") | GIVEN_UP
    found = {windows.lower(): iana for windows, iana in known.items()}.get(name.lower())
    if not found:
        raise ValueError(f"{name!r} is no time zone as Windows names them, such as UTC or W. Europe Standard Time")
    return ZoneInfo(found)


def moment(text, where):
    """A time in ISO 8601, or with a blank between date and time, as UTC. where: its zone if it names none itself."""
    try:
        found = datetime.fromisoformat(str(text).strip())
        if not 1970 <= found.year <= 9000:
            raise ValueError(f"{text!r} lies too far away")
        return (found if found.tzinfo else found.replace(tzinfo=where)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time such as 2026-05-10T10:15:00") from None


@dataclass(frozen=True)
class Cron:
    """Minutes, hours and days of the week (0 is Monday), as a cron expression names them."""

    minutes: tuple
    hours: tuple
    weekdays: tuple

    @classmethod
    def parse(cls, expression):
        """Of five fields, as NCrontab reads them; ValueError if it is wrong.

        The days of the month and the months are not looked at: Azure Machine Learning takes every value as `*`.
        """
        fields = expression.split()
        if len(fields) != 5:
            raise ValueError(f"{expression!r} has {len(fields)} fields, not five: minute hour day month day-of-week")
        minutes, hours, _, _, weekdays = fields
        sundays_first = _values(weekdays, 6, CRON_DAYS)
        return cls(_values(minutes, 59), _values(hours, 23), tuple(sorted((day - 1) % 7 for day in sundays_first)))

    def after(self, when, start, where):
        """The first time after `when`, and not before `start`."""
        from dateutil.rrule import DAILY, rrule

        first = max(when, start - timedelta(microseconds=1)).astimezone(where).replace(tzinfo=None)
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
        rule = rrule(DAILY, midnight, byhour=self.hours, byminute=self.minutes, bysecond=0, byweekday=self.weekdays)
        return _later(rule, first, max(when, start - timedelta(microseconds=1)), where)


def _values(field, most, names=()):
    """The numbers from 0 to `most` that a field of a cron expression stands for."""
    found = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", part)
        if not match:
            raise ValueError(f"{part!r} cannot stand in a cron expression")
        every, low, high, step = match.groups()
        first = 0 if every else _value(low, names)
        last = most if every or (step and not high) else _value(high or low, names)
        if not 0 <= first <= last <= most or step == "0":
            raise ValueError(f"{part!r} is not within 0 and {most}")
        found.update(range(first, last + 1, int(step or 1)))
    return tuple(sorted(found))


def _value(text, names):
    """A number, or the place of a name that begins so."""
    if text.isascii() and text.isdecimal() and len(text) < 4:
        return int(text)
    fits = [place for place, name in enumerate(names) if len(text) > 2 and name.lower().startswith(text.lower())]
    if not fits:
        raise ValueError(f"{text!r} cannot stand in a cron expression")
    return fits[0]


@dataclass(frozen=True)
class Recurrence:
    """Every so many minutes, hours, days, weeks or months from a start; at some hours and minutes, on some days."""

    frequency: str
    interval: int
    hours: tuple = ()
    minutes: tuple = ()
    weekdays: tuple = ()  # 0 is Monday
    month_days: tuple = ()

    def __post_init__(self):
        if self.frequency not in FREQUENCIES:
            raise ValueError(f"the frequency is {', '.join(FREQUENCIES[:-1])} or Month, not {self.frequency!r}")
        if not 1 <= self.interval <= MOST_INTERVAL:
            raise ValueError(f"the interval is 1 to {MOST_INTERVAL}, not {self.interval}")
        ranges = ((self.hours, 0, 23, "hours"), (self.minutes, 0, 59, "minutes"), (self.month_days, 1, 31, "monthDays"))
        for values, low, high, name in ranges:
            if any(not low <= value <= high for value in values):
                raise ValueError(f"{name} are {low} to {high}, not {list(values)}")

    @property
    def has_pattern(self):
        """Does it name hours, minutes or days? Otherwise the start is itself a time when it is due."""
        return bool(self.hours or self.minutes or self.weekdays or self.month_days)

    def after(self, when, start, where):
        """The first time after `when`, and not before `start`."""
        if self.frequency in ("Minute", "Hour"):  # the same length whatever the clocks do
            step = timedelta(**{f"{self.frequency.lower()}s": self.interval})
            return start if when < start else start + ((when - start) // step + 1) * step
        from dateutil import rrule

        begin, now = start.astimezone(where).replace(tzinfo=None), when.astimezone(where).replace(tzinfo=None)
        pattern = {
            "byhour": self.hours or (begin.hour if not self.minutes else 0,),
            "byminute": self.minutes or (begin.minute if not self.hours else 0,),
            "bysecond": 0 if self.hours or self.minutes else begin.second,
            "byweekday": self.weekdays or None,
            "bymonthday": self.month_days or None,
        }
        if self.frequency == "Month" and not (self.weekdays or self.month_days):
            pattern["bymonthday"] = begin.day  # a month without that day has no turn
        if self.frequency == "Week" and not self.weekdays:
            pattern["byweekday"] = begin.weekday()
        kind = {"Day": rrule.DAILY, "Week": rrule.WEEKLY, "Month": rrule.MONTHLY}[self.frequency]
        rule = rrule.rrule(kind, self._nearer(begin, now), self.interval, **pattern)
        return _later(rule, max(now, begin - timedelta(seconds=1)), max(when, start - timedelta(microseconds=1)), where)

    def _nearer(self, begin, now):
        """A whole number of intervals after the beginning, shortly before now: the counting need not begin there."""
        if self.frequency == "Month":
            months = (now.year - begin.year) * 12 + now.month - begin.month
            months = max(0, months // self.interval - 1) * self.interval + begin.month - 1
            if begin.year * 12 + months == begin.year * 12 + begin.month - 1:
                return begin
            return begin.replace(year=begin.year + months // 12, month=months % 12 + 1, day=1)
        days = self.interval * (7 if self.frequency == "Week" else 1)
        return begin + max(0, (now - begin).days // days - 1) * timedelta(days=days)


def _later(rule, local, when, where):
    """The first time of a rule after a local time that is later than `when` too, as UTC; None if there is none."""
    while (local := rule.after(local)) is not None:
        try:
            found = local.replace(tzinfo=where).astimezone(UTC)
        except OverflowError:
            return None
        if found > when:
            return found
    return None
