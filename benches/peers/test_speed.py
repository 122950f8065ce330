"""What `speed.py` makes of times, on cases worked out by hand."""

import unittest
import unittest.mock
import xml.etree.ElementTree

import speed

PEER = "peer"


def round_of(native, peer):
    """A round in which every batch size took as long."""
    return {(name, batch): value for batch in speed.BATCHES for name, value in ((speed.REFERENCE, native), (PEER, peer))}


def record():
    rounds = [round_of(1e-4, 3e-4), round_of(2e-4, 8e-4), round_of(1e-4, 5e-4)]
    return {"taggers": [{"name": name, "version": "1.0", "accuracy": 0.9512, "speed": speed.summary(rounds, name)}
                        for name in (speed.REFERENCE, PEER)]}


class Echo:
    """Tags each token with itself, in as many calls as it counts."""

    def __init__(self):
        self.calls = []

    def tag(self, batch):
        self.calls.append(len(batch))
        return batch


class SpeedTest(unittest.TestCase):
    def test_ratios_are_paired_by_round(self):
        result = record()["taggers"][1]["speed"]["32"]
        self.assertEqual(result, {"us_a_sentence": 500.0, "over_native": 4.0, "quartiles": [3.5, 4.5]})
        self.assertEqual(record()["taggers"][0]["speed"]["1"]["over_native"], 1.0)

    def test_a_clock_that_moves_either_way_has_moved(self):
        self.assertAlmostEqual(speed.moved(1.0, 1.2), 0.2)
        self.assertAlmostEqual(speed.moved(1.2, 1.0), 0.2)

    def test_a_round_in_which_the_clock_moved_is_discarded(self):
        probes = iter([1.0, 1.2, 1.0, 1.1, 1.0, 1.0])
        with unittest.mock.patch.object(speed, "probe", lambda: next(probes)):
            kept, discarded = speed.measure({speed.REFERENCE: Echo(), PEER: Echo()}, [["a"]] * 8, 2)
        self.assertEqual((len(kept), discarded), (2, 1))
        self.assertEqual(set(kept[0]), {(name, batch) for name in (speed.REFERENCE, PEER) for batch in speed.BATCHES})

    def test_a_clock_that_never_rests_is_an_error(self):
        probes = iter([1.0, 2.0] * 11)
        with unittest.mock.patch.object(speed, "probe", lambda: next(probes)), self.assertRaises(SystemExit):
            speed.measure({speed.REFERENCE: Echo()}, [["a"]] * 4, 2)

    def test_a_block_tags_every_sentence_once(self):
        echo = Echo()
        speed.block(echo, [["a"]] * 7, 3)
        self.assertEqual(echo.calls, [3, 3, 1])

    def test_quality_counts_tokens(self):
        self.assertEqual(speed.quality(Echo(), [(["a", "b", "c"], ["a", "b", "x"]), (["d"], ["d"])], batch=1), 0.75)

    def test_table(self):
        rows = record()["taggers"]
        lines = speed.table(rows, "tagger").splitlines()
        self.assertEqual(lines[2], f"| {speed.REFERENCE} 1.0 | 95.12 % | 100 µs | 100 µs | 100 µs |")
        self.assertEqual(lines[3], "| peer 1.0 | 95.12 % | 500 µs (4.00) | 500 µs (4.00) | 500 µs (4.00) |")
        for row in rows:
            del row["accuracy"]
        lines = speed.table(rows, "layer").splitlines()
        self.assertEqual(lines[0], "| layer | 1 a call | 32 a call | 256 a call |")
        self.assertEqual({line.count("|") for line in lines}, {5})

    def test_plot_is_well_formed_and_its_longest_bar_fits(self):
        picture = xml.etree.ElementTree.fromstring(speed.plot(record()))
        ends = [float(bar.get("x")) + float(bar.get("width")) for bar in picture.findall("{*}rect") if bar.get("x")]
        self.assertLess(max(ends), float(picture.get("width")))
        self.assertIn("10,000", [text.text for text in picture.findall("{*}text")])

    def test_inserts_between_the_markers_alone(self):
        opening, closing = speed.MARKERS
        once = speed.insert(f"a\n{opening}\nold\n{closing}\nb", "new")
        self.assertEqual(once, f"a\n{opening}\nnew\n{closing}\nb")
        self.assertEqual(speed.insert(once, "new"), once)
        with self.assertRaises(SystemExit):
            speed.insert(f"a {opening}", "new")


if __name__ == "__main__":
    unittest.main()
