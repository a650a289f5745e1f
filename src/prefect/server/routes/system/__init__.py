"""Operations on the server itself: its health, version and settings, and CSRF tokens."""
