"""Passages into answers.

* ``quoting``: the best sentences, without a model
* ``prompted``: a chat model is asked, from a prompt that holds the passages
* ``ollama``: a chat model of an Ollama server
* ``seeing``: a model of one that reads images
"""
