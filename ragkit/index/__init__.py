"""The local index: a folder with the catalog, which is the truth, and the caches made from it.

* ``folder``: finding, making and opening an index
* ``lock``: the right to write to it, and who has it
* ``survey``: holding the files on disk against it
* ``plan``: what an ingest would do and cost
* ``tally``: counting what it does
* ``beside``: vectors of another embedder, until they take the place of the old
* ``removal``: taking files out
* ``caches``: bringing the caches up to date, and telling whether they are whole
* ``inventory``: saying what an index holds
* ``admission``: what a filter admits
* ``snapshot``: searching one state of the index
"""
