"""Operations, a file for each; there is none yet."""
