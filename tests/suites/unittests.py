#!/usr/bin/env python3
"""unittests.py OUT MODULE...: runs the tests of MODULEs and writes a line for each into OUT: its name, and PASS, FAIL or SKIP."""
import sys
import unittest

from test import support


class Outcomes(unittest.TextTestResult):
    out = None

    def tell(self, test, outcome):
        print(test.id(), outcome, file=self.out, flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell(test, "PASS")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.tell(test, "FAIL")

    addError = addFailure

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(test, "SKIP")


def main():
    support.use_resources = []
    with open(sys.argv[1], "w") as Outcomes.out:
        for module in sys.argv[2:]:
            suite = unittest.defaultTestLoader.loadTestsFromName(module)
            unittest.TextTestRunner(resultclass=Outcomes, verbosity=2).run(suite)


if __name__ == "__main__":
    main()
