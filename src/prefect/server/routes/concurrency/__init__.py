"""Operations on concurrency limits and their slots."""
