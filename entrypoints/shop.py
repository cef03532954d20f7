"""The demo's shop: a real database in which a refund is a row, and money can be counted."""

import asyncpg

DATABASE = "shop"

_TABLES = """
CREATE TABLE customer_order (id text PRIMARY KEY, customer text NOT NULL, paid numeric NOT NULL);
CREATE TABLE refund (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text, customer text NOT NULL, amount numeric NOT NULL
);
INSERT INTO customer_order
SELECT 'order-' || n, 'cust-' || n, 10000 FROM generate_series(1, 9) AS n;
"""


class Shop:
    """Pays refunds out of its own database; each payment is a row that stays."""

    def __init__(self, db: asyncpg.Pool) -> None:
        self._db = db

    async def refund(self, amount: float, customer: str, order_id: str | None) -> str:
        """Pay money back: the side effect that must happen exactly once."""
        paid = await self._db.fetchval(
            "INSERT INTO refund (order_id, customer, amount) VALUES ($1, $2, $3) RETURNING id",
            order_id,
            customer,
            amount,
        )
        return f"refund {paid}"

    async def paid_to(self, customer: str) -> list[float]:
        """List what a customer was paid back."""
        rows = await self._db.fetch(
            "SELECT amount::float FROM refund WHERE customer = $1 ORDER BY id", customer
        )
        return [row["amount"] for row in rows]


async def open_shop(admin_dsn: str) -> asyncpg.Pool:
    """Create the shop's database beside the ledger's, and connect to it."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await admin.close()
    pool = await asyncpg.create_pool(admin_dsn, database=DATABASE, min_size=1, max_size=4)
    await pool.execute(_TABLES)
    return pool
