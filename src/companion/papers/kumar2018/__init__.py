"""Kumar, Khadkevich, Fügen 2018: N_S against the strong label assumption, and its transfer to events and scenes."""

from companion.papers import Paper

PAPER = Paper(
    "Kumar2018",
    {
        "network": "C005-C008 C118 C134 C144-C145",
        "tagging": "C001-C004 C009-C052 C132-C133 C135-C136 C147-C148",
        "transfer": "C053-C071 C137-C140 C149",
        "tsne": "C119 X04",
        "scenes": "C072-C117 C120 C141-C143 C150 X01-X03 X05",
        "relations": "C121-C131",
        "lists": "C146",
    },
)
