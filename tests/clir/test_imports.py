import subprocess
import sys
from pathlib import Path

CLIR = Path(__file__).parents[2] / "clir"

_BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pyspark", "ray", "torch", "transformers"):
            raise ImportError(f"{name} must not be needed")
sys.meta_path.insert(0, Blocked())
"""


def test_the_foundation_imports_without_any_engine():
    """clir must work where neither Spark, Ray nor torch is installed."""
    files = (path.relative_to(CLIR.parent).with_suffix("") for path in CLIR.rglob("*.py"))
    modules = sorted(".".join(file.parts) for file in files if file.name != "__init__")
    code = _BLOCK + "".join(f"import {module}\n" for module in modules)
    subprocess.run([sys.executable, "-c", code], check=True)
