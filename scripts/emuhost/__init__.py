# SPDX-License-Identifier: GPL-2.0
"""The emulated host behind scripts/nested."""
