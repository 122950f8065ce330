"""score.py BUNDLE TRACK USER SENTENCE [ANSWER]: prints each word with P(mistake), and what the ANSWER got right or wrong."""

import sys

import libmtl


def main() -> None:
    if len(sys.argv) < 5:
        sys.exit("usage: score.py BUNDLE TRACK USER SENTENCE [ANSWER]")
    bundle, track, user, sentence, *answer = sys.argv[1:]
    words = sentence.split()
    with libmtl.Model(bundle) as model:
        scored = model.score([libmtl.Exercise(words, user=user, track=track)])[0]
    if scored.error is not None:
        raise scored.error
    outcomes = [""] * len(words)
    if answer:
        pair = libmtl.align([words], [answer[0].split()])[0]
        if pair.error is not None:
            raise pair.error
        outcomes = ["wrong" if word.mistake else "right" for word in pair.words]
    for word, mistake, outcome in zip(words, scored.mistakes, outcomes, strict=True):
        print(f"{word}\t{mistake:.3f}\t{outcome}".rstrip())


if __name__ == "__main__":
    try:
        main()
    except libmtl.Error as error:
        sys.exit(str(error))
