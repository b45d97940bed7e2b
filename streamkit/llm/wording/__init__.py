"""How each language says what is written with digits, signs and abbreviations."""
