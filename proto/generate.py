"""Make src/shillings/contract/shillings_pb2.py from proto/shillings.proto, or with --check say whether it is fresh."""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
TARGET = ROOT.parent / "src" / "shillings" / "contract"
NAMES = ("shillings_pb2.py", "shillings_pb2.pyi")


def generate(folder: Path) -> None:
    """Write the generated module and its type stub into `folder`."""
    arguments = ["protoc", f"--proto_path={ROOT}", f"--python_out={folder}", f"--pyi_out={folder}", "shillings.proto"]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refused proto/shillings.proto; its own words are above")


def stale() -> list[str]:
    """The generated files that differ from what the .proto file says now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder)
        return [n for n in NAMES if not (TARGET / n).exists() or (TARGET / n).read_text() != (folder / n).read_text()]


if __name__ == "__main__":
    if "--check" in sys.argv:
        if found := stale():
            sys.exit(f"not fresh: {', '.join(found)}; run `make proto` and commit the result")
        print("Generated protocol code is fresh.")
    else:
        generate(TARGET)
