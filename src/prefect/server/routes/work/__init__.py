"""Operations on deployments, and on the work pools and queues that their runs wait in."""
