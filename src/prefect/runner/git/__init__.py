"""Code in git repositories. A credential must appear in no command line, file or message."""
