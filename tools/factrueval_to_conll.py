#!/usr/bin/env python3
"""Converts the standoff files of factRuEval-2016 to CoNLL: `token<TAB>label`, IOB2, on standard output.

    factrueval_to_conll.py FOLDER > names.conll      (FOLDER is the corpus's devset or testset)

The corpus has three layers: tokens, typed spans (a given name, a surname, the proper part of an organisation's
name, its description ...), and objects that group spans. What CoNLL calls a name is the proper part alone:

    PER  the given name, patronymic, surname and nickname spans of a Person
    ORG  the org_name spans of an Org                  (not `org_descr`: "the mayor's office")
    LOC  the loc_name spans of a Location or a LocOrg  (not `geo_adj`: "Moscow's"; not `loc_descr`: "square")

Spans of one object become one name where they touch or where only a full stop or a hyphen stands between them
("A. Pushkin"); else they are names of their own. Where names overlap, the longest is kept; of equals PER, then
ORG, then LOC. A name that crosses the end of a sentence is cut there. Documents come in the order of their file
names, sentences as the `.tokens` files break them. Needs the standard library only.
"""

import sys
from collections import defaultdict
from pathlib import Path

TYPES = {
    "Person": ("PER", {"name", "surname", "patronymic", "nickname"}),
    "Org": ("ORG", {"org_name"}),
    "Location": ("LOC", {"loc_name"}),
    "LocOrg": ("LOC", {"loc_name"}),
}
RANK = {"PER": 0, "ORG": 1, "LOC": 2}
JOINING = {".", "-"}


def fields(path):
    """The blank-separated fields of each line, without what follows ` # `; an empty list for an empty line."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield line.partition(" # ")[0].split()


def read_tokens(path):
    """Forms, each token's index by id, and the index of each sentence's first token."""
    forms, index, starts, fresh = [], {}, [], True
    for row in fields(path):
        if not row:
            fresh = True
            continue
        if fresh:
            starts.append(len(forms))
            fresh = False
        index[row[0]] = len(forms)
        forms.append(row[3])
    return forms, index, starts


def read_names(base, forms, index):
    """Candidate names as (first token, one past the last, label)."""
    spans = defaultdict(list)
    for row in fields(base.with_suffix(".spans")):
        if row:
            first = index[row[4]]
            spans[row[0]].append((row[1], first, first + int(row[5])))
    names = set()
    for row in fields(base.with_suffix(".objects")):
        if not row or row[1] not in TYPES:
            continue
        label, wanted = TYPES[row[1]]
        parts = sorted({(a, b) for number in row[2:] for kind, a, b in spans[number] if kind in wanted})
        joined = []
        for start, end in parts:
            if joined and all(form in JOINING for form in forms[joined[-1][1] : start]):
                joined[-1][1] = max(joined[-1][1], end)
            else:
                joined.append([start, end])
        names.update((start, end, label) for start, end in joined)
    return names


def label_tokens(names, length, starts):
    """IOB2 labels; the longest of overlapping names wins, and none crosses a sentence's end."""
    labels = ["O"] * length
    breaks = set(starts)
    for start, end, label in sorted(names, key=lambda n: (n[0] - n[1], RANK[n[2]], n[0])):
        if any(labels[i] != "O" for i in range(start, end)):
            continue
        for i in range(start, end):
            labels[i] = ("B-" if i == start or i in breaks else "I-") + label
    return labels


def convert(folder, out):
    """Writes every document of `folder`."""
    bases = sorted(path.with_suffix("") for path in Path(folder).glob("*.tokens"))
    if not bases:
        sys.exit(f"{folder}: no .tokens file here; name the folder devset or testset of factRuEval-2016")
    for base in bases:
        forms, index, starts = read_tokens(base.with_suffix(".tokens"))
        labels = label_tokens(read_names(base, forms, index), len(forms), starts)
        for start, end in zip(starts, starts[1:] + [len(forms)]):
            for form, label in zip(forms[start:end], labels[start:end]):
                out.write(f"{form}\t{label}\n")
            out.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    convert(sys.argv[1], sys.stdout)
