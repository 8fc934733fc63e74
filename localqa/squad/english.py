"""English words that making unanswerable questions needs."""

_COMMON = """
a an and are as at be by did do does for from had has have how in is it of on or that the their they this to
was were what when where which who whose why with
"""
_OPPOSITES = """
first/last largest/smallest most/least before/after north/south east/west northern/southern eastern/western
oldest/newest highest/lowest earliest/latest increase/decrease increased/decreased best/worst begin/end
began/ended more/fewer long/short longest/shortest male/female men/women positive/negative rich/poor
public/private inside/outside above/below accept/reject accepted/rejected support/oppose supported/opposed
win/lose won/lost allow/forbid allowed/forbidden legal/illegal possible/impossible always/never father/mother
son/daughter brother/sister husband/wife king/queen strong/weak old/new hot/cold high/low large/small
big/little major/minor bought/sold import/export enter/leave entered/left start/finish started/finished
early/late common/rare same/different majority/minority maximum/minimum open/closed opened/closed upper/lower
ancient/modern summer/winter light/dark fast/slow advantage/disadvantage include/exclude
"""
_NEGATED = """
did/didn't does/doesn't do/don't was/wasn't were/weren't is/isn't are/aren't can/can't could/couldn't
has/hasn't would/wouldn't must/mustn't
"""


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(first, second) for first, _, second in (pair.partition("/") for pair in text.split())]


COMMON = frozenset(_COMMON.split())
"""Words that say little about what a text is about."""
# Of a word in two pairs the first pair counts.
OPPOSITES = {one: other for pair in reversed(_pairs(_OPPOSITES)) for one, other in (pair, (pair[1], pair[0]))}
"""Word -> the word that turns its meaning round."""
NEGATED = dict(_pairs(_NEGATED))
"""Verb -> its negation."""
