"""What runs `watch` outside Lambda: the container's recipe and systemd's unit, each looked at by a tool that knows such files."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from accounts import Case
from terraform import ROOT

WATCH = ROOT / "deploy/watch"


def ran(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Image(Case):
    def test_the_recipe_has_nothing_that_hadolint_remarks_on(self):
        hadolint = pathlib.Path(sys.executable).with_name("hadolint")
        self.assertEqual(ran(hadolint, "--no-color", WATCH / "Dockerfile"), (0, ""))

    def test_it_runs_as_nobody_in_an_image_without_a_shell(self):
        recipe = (WATCH / "Dockerfile").read_text()
        *_, last = re.findall(r"^FROM (\S+)", recipe, re.MULTILINE)
        self.assertIn("/distroless/", last)
        self.assertRegex(recipe, r"(?m)^USER [1-9]\d*:[1-9]\d*$")
        self.assertRegex(recipe, r'(?m)^ENTRYPOINT \["/usr/local/bin/portcullis"\]$')


class Unit(Case):
    def setUp(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        # The program need not be installed where the unit is looked at.
        text, found = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", (WATCH / "portcullis-watch.service").read_text())
        self.assertEqual(found, 1)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.unit = pathlib.Path(folder.name) / "portcullis-watch.service"
        self.unit.write_text(text)

    def test_systemd_understands_all_of_it(self):
        self.assertEqual(ran("systemd-analyze", "verify", "--man=no", self.unit), (0, ""))

    def test_it_gives_the_program_little_of_the_machine(self):
        # Exposure from 0 to 10, times 10: "OK" ends at 5.0, and what it lacks to 0 is the network.
        code, said = ran("systemd-analyze", "security", "--offline=true", "--threshold=25", self.unit)
        if "unrecognized option" in said:
            self.skipTest("this systemd-analyze looks at no unit that is not installed")
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    unittest.main()
