"""A build backend (PEP 517) that needs nothing but Python and a C compiler."""
import os
import subprocess
import tempfile
import zipfile

NAME = "project-1.0.0"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel = NAME + "-py3-none-any.whl"
    info = NAME + ".dist-info/"
    with tempfile.TemporaryDirectory() as tmp, zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w") as z:
        library = os.path.join(tmp, "fast.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, "project/fast.c"], check=True)
        z.write(library, "project/fast.so")
        z.write("project/__init__.py")
        z.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: project\nVersion: 1.0.0\n")
        z.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(info + "entry_points.txt", "[console_scripts]\nproject = project:main\n")
        z.writestr(info + "RECORD", "")
    return wheel
