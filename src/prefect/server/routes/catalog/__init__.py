"""Operations on what is stored by name or key: artifacts, variables, blocks, collections and saved searches."""
