"""What pyproject.toml cannot say of the wheel: two adapters of models/ lie inside the package."""

from setuptools import find_packages, setup

ADAPTER_FILES = ("*.json", "*.safetensors", "report.md", "evaluation/*.json")

setup(
    packages=[*find_packages(include=["localqa*"]), "localqa.shipped"],
    package_dir={"localqa.shipped": "models"},
    package_data={
        "localqa.demo": ["page.css", "page.js"],
        "localqa.shipped": [f"{name}/{files}" for name in ("squad", "squad2") for files in ADAPTER_FILES],
    },
)
