"""The phones' door: the vault's folders as one tree, for what phones already speak.

`view` is the interface that every door (WebDAV, CalDAV and CardDAV, JSON) is built on.
"""
