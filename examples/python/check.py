"""The strict check: everything the public client can do, against real servers.

    python check.py --start ../../bin/voile [TEST...]

It starts a private network, walks the tour, runs the tests below tests/, and
looks at every line on the way. A TEST is a name as unittest has it, such as
tests.test_records.TestRecords.test_watch. The last line tells how many checks
passed.
"""

import argparse
import contextlib
import io
import os
import sys
import time
import unittest
from pathlib import Path

from veilid import operations

import tour
from servers import Network
from strict import LONGEST_LINE, Census, Traffic
from tests.base import Run, ServerTest

HERE = Path(__file__).parent

# What a 0.5.8 server has no use for, and why.
UNASKED = {
    "CryptoSystem.Distance": "removed before 0.5.6; the client has the name left and no method",
}
UNUSED_CLASSES = {
    # Bases and helpers without instances of their own.
    "ConfigBase", "CryptoTyped", "EncodedString", "DHTSchema", "VeilidAPIError", "VeilidJSONEncoder",
    # Errors of a node that is not running: its clients are disconnected first.
    "VeilidAPIErrorAlreadyInitialized", "VeilidAPIErrorNotInitialized", "VeilidAPIErrorShutdown",
    # Answered only to operations that came after this client.
    "VeilidAPIErrorUnimplemented",
    # "internal" is null in default builds.
    "VeilidConfigInternal", "VeilidConfigInternalDHT", "VeilidConfigInternalNetwork",
    "VeilidConfigInternalProtocol", "VeilidConfigInternalRPC", "VeilidConfigInternalUDP",
}
# Updates that this client is never sent: Config follows an operation that came
# after it, and connections end before the node says Shutdown.
UNSENT_UPDATES = {"Config", "Shutdown"}


def every_operation() -> set[str]:
    """All operations that the client knows, as "Op" or "Op.SubOp"."""
    families = {
        "RoutingContext": operations.RoutingContextOperation,
        "TableDb": operations.TableDbOperation,
        "TableDbTransaction": operations.TableDbTransactionOperation,
        "DhtTransaction": operations.DhtTransactionOperation,
        "CryptoSystem": operations.CryptoSystemOperation,
    }
    names = {str(op) for op in operations.Operation if op not in families}
    for family, ops in families.items():
        names |= {f"{family}.{op}" for op in ops if op != "InvalidId"}
    return names - UNASKED.keys()


class TestTour(ServerTest):
    """The tour itself."""

    async def asyncSetUp(self) -> None:  # it makes its own connections
        self.prepare()

    async def test_tour(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            await tour.tour(self.traffic.connect)
        self.assertTrue(out.getvalue().endswith("That was all.\n"))


class Coverage(unittest.TestCase):
    """Runs last: was everything there is to use in use?"""

    traffic: Traffic
    census: Census

    def test_every_operation_was_asked(self) -> None:
        self.assertEqual(set(), every_operation() - self.traffic.operations)

    def test_every_class_was_used(self) -> None:
        self.assertEqual(set(), self.census.all - UNUSED_CLASSES - self.census.used)

    def test_every_update_came(self) -> None:
        kinds = {str(k) for k in tour.VeilidUpdateKind}
        self.assertEqual(set(), kinds - UNSENT_UPDATES - self.traffic.updates)

    def test_every_line_was_good(self) -> None:
        self.assertEqual([], self.traffic.faults)
        self.assertLessEqual(self.traffic.longest, LONGEST_LINE)


def main() -> int:
    parser = argparse.ArgumentParser(description="The strict check of a Veilid server.")
    parser.add_argument("--start", metavar="VOILE", default=str(HERE / "../../bin/voile"), help="the voile program")
    parser.add_argument("tests", metavar="TEST", nargs="*", help="run these only")
    arguments = parser.parse_args()

    began = time.monotonic()
    census = Census()
    loader = unittest.TestLoader()
    if arguments.tests:
        suite = loader.loadTestsFromNames(arguments.tests)
    else:
        suite = unittest.TestSuite([
            loader.loadTestsFromTestCase(TestTour),
            loader.discover(str(HERE / "tests"), top_level_dir=str(HERE)),
            loader.loadTestsFromTestCase(Coverage),
        ])
    with Network(arguments.start) as network:
        os.environ["VEILID_SERVER_NETWORK"] = network.address
        ServerTest.run_of = Run(network)
        Coverage.traffic, Coverage.census = ServerTest.run_of.traffic, census
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, durations=5).run(suite)
    traffic = ServerTest.run_of.traffic
    print(f"{traffic.lines} lines received in {time.monotonic() - began:.0f} s, the longest of {traffic.longest} bytes")
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed")
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
