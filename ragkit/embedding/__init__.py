"""Texts into vectors.

* ``wordllama``: the built-in model
* ``ollama``: a model of an Ollama server
* ``spread``: the same model of several servers
* ``checked``: of any embedder, held against what they must be
* ``requests``: asking it while the work goes on
* ``batches``: which text a failing batch failed on
* ``load``: how many texts a server is sent at once
* ``at_once``: several requests at once, and an interrupt meanwhile
"""
