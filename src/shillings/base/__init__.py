"""The words everyone uses: errors, money, time, ids, and the batcher."""
