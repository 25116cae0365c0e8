#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image of the autograder. The base image (Ubuntu 22.04) has
# Python 3.10, and the workbook needs 3.11. So uv brings a Python of its own, and the CPU build of PyTorch.
set -euo pipefail
SOURCE=/autograder/source
export DEBIAN_FRONTEND=noninteractive UV_PYTHON_INSTALL_DIR=/opt/python UV_LINK_MODE=copy UV_NO_CACHE=1

apt-get update
apt-get install -y --no-install-recommends python3-venv git ca-certificates
python3 -m venv /opt/uv
/opt/uv/bin/pip install --quiet 'uv>=0.9.20'
/opt/uv/bin/uv venv --managed-python --python 3.12 /opt/koans
/opt/uv/bin/uv pip install --python /opt/koans/bin/python --torch-backend cpu -r "$SOURCE/workbook/pyproject.toml"

# The workbook with its answers, and the assignment's secret, are for root alone.
chmod -R go= "$SOURCE"
