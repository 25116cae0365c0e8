"""The student edition: `release` makes it, `update` brings a fork of an older one up to a newer one, `badges` open its
notebooks.
"""
