"""The student edition. `release` makes it, `update` updates a fork of an older one, `badges` link to its notebooks."""
