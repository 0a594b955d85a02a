"""How each function of the language is called and what it gives, in words: for whoever writes a rule."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FORMS"]

#: function -> (how it is called, what it gives).
FORMS: Mapping[str, tuple[str, str]] = {
    "abs": ("abs(x)", "x without its sign"),
    "business_day": ('business_day(t, "calendar")', "a condition: whether t is on a business day of the calendar"),
    "ceil": ("ceil(x)", "the least whole number that is not below x"),
    "choose": (
        "choose(condition, x, condition, y, ..., otherwise)",
        "the value behind the first condition that is true; unknown where one before it is unknown",
    ),
    "clamp": ("clamp(x, low, high)", "x, or the nearer of low and high where it lies outside"),
    "coalesce": ("coalesce(x, default)", "x, or the default where x is missing"),
    "contains": ('contains(x, "c")', "a condition: whether the text holds c"),
    "date": ("date(t)", "when the day of t began"),
    "day": ("day(t)", "the day of the month, 1 to 31"),
    "days": ("days(n)", "a duration of n days"),
    "ends_with": ('ends_with(x, "b")', "a condition: whether the text ends with b"),
    "exp": ("exp(x)", "e to the power of x"),
    "fired": ('fired("rule")', "a condition, in a decision table: whether the rule fires on the same event"),
    "floor": ("floor(x)", "the greatest whole number that is not above x"),
    "has": ('has(seen, "a", ...)', "a condition: whether a `seen` feature saw the text, or one of several"),
    "hour": ("hour(t)", "the hour of the day, 0 to 23"),
    "hours": ("hours(n)", "a duration of n hours"),
    "length": ("length(x)", "the number of characters of a text"),
    "log": ("log(x)", "the natural logarithm; unknown where x is not above 0"),
    "lower": ("lower(x)", "the text in small letters"),
    "match": ('match(x, "list")', "the member of a list that is most like the text; unknown where none is"),
    "matches": ('matches(x, "pattern")', "a condition: whether the RE2 pattern is found in the text"),
    "max": ("max(x, y, ...)", "the greatest"),
    "min": ("min(x, y, ...)", "the least"),
    "minute": ("minute(t)", "the minute of the hour, 0 to 59"),
    "minutes": ("minutes(n)", "a duration of n minutes"),
    "month": ("month(t)", "the month, 1 to 12"),
    "moved": ('moved("model")', "a text: what moved the model's score most, where that is over its threshold"),
    "over": ('over("model")', "a condition: whether the model's score is over its threshold"),
    "power": ("power(x, y)", "x to the power of y"),
    "resembles": (
        'resembles(x, "list")',
        "how alike the text is to the list's closest name, 0 to 1; 0 below 0.7",
    ),
    "round": ("round(x, n)", "x with n digits behind the point; without n a whole number"),
    "score": ('score("model")', "what a model says of the event; unknown while it warms up"),
    "scorecard": ('scorecard("name")', "the points of a scorecard"),
    "seconds": ("seconds(n)", "a duration of n seconds"),
    "segment": (
        'segment("model")',
        "a text: the segment of the event's key, called by what marks it; unknown while the model warms up",
    ),
    "sqrt": ("sqrt(x)", "the square root; unknown below 0"),
    "starts_with": ('starts_with(x, "a")', "a condition: whether the text begins with a"),
    "time_of_day": ("time_of_day(t)", "the time since midnight, a duration"),
    "trim": ("trim(x)", "the text without blanks around it"),
    "upper": ("upper(x)", "the text in capital letters"),
    "weekday": ("weekday(t)", "the day of the week, 1 for Monday to 7 for Sunday"),
    "year": ("year(t)", "the year"),
}
