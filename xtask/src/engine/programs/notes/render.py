"""A note's text becomes what is shown, slowly, so that it is worth a cache."""

import textwrap


def note(text):
    return textwrap.fill(text.capitalize(), width=72) + "\n"
