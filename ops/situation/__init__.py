"""How things stand: read in one go, told in plain words, with what a person must do."""
