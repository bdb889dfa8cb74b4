"""Pairs, ratios, and the table that is printed."""
import json
import statistics


def quantile(values, q):
    values = sorted(values)
    place = (len(values) - 1) * q
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


class Series:
    """One number per pair: its median, and the interval from the 10th to the 90th percentile."""

    def __init__(self, values):
        self.values = list(values)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return quantile(self.values, 0.1)

    @property
    def high(self):
        return quantile(self.values, 0.9)


class Table:
    """The rows, printed as they come and again at the end. A row never fails on speed: it says whether it reaches."""

    def __init__(self):
        self.rows = []

    def add(self, group, what, values, reach=None, at_least=True, unit="", ours=None, theirs=None, absolute=""):
        """`values`: one per pair. `reach`: the number of the table, or None for a row that only informs. `ours` and `theirs`:
        what was measured, one per pair, for the absolute medians beside the ratio."""
        series = Series(values)
        met = None if reach is None else (series.median >= reach if at_least else series.median <= reach)
        row = {
            "group": group, "what": what, "median": series.median, "low": series.low, "high": series.high, "pairs": len(series.values),
            "reach": reach, "at_least": at_least, "met": met, "unit": unit, "values": series.values,
        }
        if ours and theirs:
            row["ours"], row["theirs"] = statistics.median(ours), statistics.median(theirs)
            absolute = f"{row['ours']:.4g} : {row['theirs']:.4g} {absolute}".rstrip()
        row["absolute"] = absolute
        self.rows.append(row)
        print("  " + self.line(row), flush=True)

    @staticmethod
    def line(row):
        def number(value):
            return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

        reach = ""
        if row["reach"] is not None:
            reach = f"{'>=' if row['at_least'] else '<='} {number(row['reach'])}{row['unit']}"
        verdict = {None: "", True: "reached", False: "MISSED"}[row["met"]]
        interval = f"{number(row['low'])} - {number(row['high'])}" if row["pairs"] > 1 else ""
        return f"{row['what']:<62.62} {number(row['median']) + row['unit']:>9} {interval:>15} {row['pairs']:>3}  {reach:<11} {verdict:<8} {row['absolute']}"

    def print(self):
        head = f"{'':<62} {'median':>9} {'10 % - 90 %':>15} {'n':>3}  {'reach':<11} {'':<8} medians, ours : theirs"
        group = None
        print("\n  " + head)
        for row in self.rows:
            if row["group"] != group:
                group = row["group"]
                print(f"\n{group}")
            print("  " + self.line(row))

    def save(self, path, facts):
        with open(path, "w") as file:
            json.dump({"machine": facts, "rows": self.rows}, file, indent=1)
