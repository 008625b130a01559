"""The local index: a folder with the catalog, which is the truth, and the caches made from it.

* ``folder``: finding, making and opening an index; ``room``: what stands in the way of a new one
* ``lock``: the right to write to it, and who has it
* ``roots``: which files and folders an ingest is about; ``given``: what lies in no folder
* ``survey``: holding the files on disk against it; ``before``: what failed in earlier runs
* ``plan``: what an ingest would do and cost
* ``ahead``: PDFs read before their turn; ``unpacking``: the members of files that hold files;
  ``looking``: what a model reads
* ``tally``: counting what it does
* ``beside``: vectors of another embedder, until they take the place of the old
* ``removal``: taking files out; ``compaction``: giving their space back
* ``renewal``: bringing an index of an older format to this one
* ``caches``: bringing the caches up to date, and telling whether they are whole
* ``inventory``: saying what an index holds; ``binding``: whether passages have their own vectors
* ``locators``: what a printed place leads to; ``on_disk``: the files as they are now
* ``portable``: an index as one file
* ``admission``: what a filter admits
* ``snapshot``: searching one state of the index
"""
