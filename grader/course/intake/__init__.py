"""Takes apart what is handed in, once: folders, repositories, archives and notebooks become texts of koans.

`collect` walks over what the instructor gives, with `roster`, `lms_download` (which reads `lms_names`), and gives each
submission an id (`ids`).
`client` asks `reader`, a process that forks a confined child for each submission. There `reading` looks at a `tree`
(a folder, `git_tree` or `archive_tree`), finds the answers by `layout`, and those in `notebooks`.
"""
