#!/usr/bin/env python3
"""Compares the freeze calendar's expansion of rules with readers that are not ours.

    cargo run -p sluss-calendar --example starts > corpus.json
    python3 -m venv venv && venv/bin/pip install python-dateutil==4.0.0
    venv/bin/python e2e/verifiers/expansion.py dateutil corpus.json
    python3 -m venv venv2 && venv2/bin/pip install recurring-ical-events==3.8.2
    venv2/bin/python e2e/verifiers/expansion.py recurring-ical-events corpus.json

The two need different versions of dateutil, hence two environments. Each reader must agree on every
rule, and must disagree as soon as one start is changed. Exit status 1 if either is not so.
"""

import sys

# This file's folder goes from the path: its name is also that of a standard module.
sys.path.pop(0)

import datetime
import itertools
import json
from importlib.metadata import version


def parse(text):
    return datetime.datetime.fromisoformat(text)


def by_dateutil(entry, most):
    from dateutil.rrule import rrulestr

    # On the wall clock UNTIL has no zone either.
    rule = entry["rrule"].replace("Z", "")
    rule = rrulestr(rule, dtstart=parse(entry["dtstart"]))
    return list(itertools.islice(rule, most))


def by_recurring_ical_events(entry, most):
    import icalendar
    import recurring_ical_events

    start = parse(entry["dtstart"])
    stamp = start.strftime("%Y%m%dT%H%M%S")
    rule = entry["rrule"].replace("Z", "")
    text = "\r\n".join([
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//sluss//calendar//EN",
        "BEGIN:VEVENT", "UID:w", f"DTSTAMP:{stamp}Z", f"DTSTART:{stamp}",
        "DURATION:PT1S", f"RRULE:{rule}", "END:VEVENT", "END:VCALENDAR", "",
    ])
    calendar = recurring_ical_events.of(icalendar.Calendar.from_ical(text))
    # Starts from the first to the last of ours; a day more when ours are all there are.
    last = parse(entry["starts"][-1])
    if len(entry["starts"]) < most:
        last += datetime.timedelta(days=1)
    events = calendar.between(start, last + datetime.timedelta(seconds=1))
    return sorted(event["DTSTART"].dt for event in events)


READERS = {
    "dateutil": ("python-dateutil", by_dateutil),
    "recurring-ical-events": ("recurring-ical-events", by_recurring_ical_events),
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in READERS:
        sys.exit(f"usage: expansion.py {'|'.join(READERS)} corpus.json")
    package, read = READERS[sys.argv[1]]
    with open(sys.argv[2], encoding="utf-8") as file:
        corpus = json.load(file)
    most, rules = corpus["most"], corpus["rules"]
    if len(rules) < 100:
        sys.exit(f"the corpus has only {len(rules)} rules; write it again with the example `starts`")
    wrong = missed = starts = 0
    for entry in rules:
        ours = [parse(text) for text in entry["starts"]]
        theirs = read(entry, most)
        starts += len(ours)
        if ours != theirs:
            wrong += 1
            differs = next((pair for pair in itertools.zip_longest(ours, theirs)
                            if pair[0] != pair[1]), None)
            print(f"differs: DTSTART {entry['dtstart']} {entry['rrule']}: "
                  f"ours {differs[0]}, theirs {differs[1]}")
        changed = ours[:-1] + [ours[-1] + datetime.timedelta(minutes=1)]
        missed += changed == theirs
    print(f"{package} {version(package)}: {len(rules)} rules, {starts} starts, "
          f"{wrong} differ; {len(rules) - missed} of {len(rules)} changed copies rejected")
    sys.exit(1 if wrong or missed else 0)


if __name__ == "__main__":
    main()
