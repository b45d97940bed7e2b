"""Models of the reply behind one Protocol, and what they are given to read.

`streamkit.llm.choose.load_chat_model` gives the model that an address and a name stand for.
"""
