"""Texts into vectors.

* ``wordllama``: the built-in model
* ``ollama``: a model of an Ollama server
* ``checked``: of any embedder, held against what they must be
* ``batches``: which text a failing batch failed on
"""
