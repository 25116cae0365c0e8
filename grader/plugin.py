"""The stable name of the pytest plugin: the conftest.py of every workbook asks for `grader.plugin`."""

pytest_plugins = ["grader.judge.pytest_plugin"]
