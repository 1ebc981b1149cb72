"""Networks, one module each. They know no corpus and no paper's settings; their defaults are the papers' values.

A network that can be saved has a property ``architecture``, the arguments of its constructor.
"""
