/** The groups of states that the overview counts runs by. */
export const GROUPS = [
  { id: 'failed', label: 'failed or crashed', types: ['FAILED', 'CRASHED'] },
  { id: 'active', label: 'under way', types: ['RUNNING', 'PENDING', 'CANCELLING'] },
  { id: 'completed', label: 'completed', types: ['COMPLETED'] },
  { id: 'waiting', label: 'late or paused', types: ['SCHEDULED', 'PAUSED'] },
  { id: 'cancelled', label: 'cancelled', types: ['CANCELLED'] },
]
