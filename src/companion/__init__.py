"""Transfer learning from weakly labelled audio: the library behind the book.

Importing the package does no work: modules are imported by name
(``from companion import audio``), so that reading a table never waits for torch.
"""

__version__ = "0.1.0"
