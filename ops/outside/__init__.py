"""What the verbs speak to beside the database, each made from the shell's settings when a verb needs it."""
