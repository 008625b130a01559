"""What is wrong, if anything is, and what to do: the checks in the order a person would make them.

* ``examine``: the order, and what depends on what
* ``machine``: Python, packages, extras, memory, and what kind of place this is
* ``server``: whether Ollama answers, and what its release gets wrong
* ``models``: the models needed, and where they run
* ``probes``: a text embedded, a question answered
* ``advice``: what would make it faster, where it applies
* ``health``: of the index

Nothing is changed: no model is pulled, no row written. The probes load models.
"""

from ragkit.doctor.examine import Patient, examine

__all__ = ["Patient", "examine"]
