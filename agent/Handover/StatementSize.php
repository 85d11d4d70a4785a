<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\DB\Adapter\AdapterInterface;

/**
 * Returns whether values fit into one statement (max_allowed_packet).
 *
 * A server closes the connection on a statement that is larger, and the shop's transaction is lost with it.
 */
class StatementSize
{
    public const SETTING = 'max_allowed_packet';

    /**
     * The server's net_buffer_length by default: max_allowed_packet must not be less.
     */
    private const ALWAYS_ACCEPTED = 16384;

    /**
     * Bytes of a statement beside the values that are counted: table, columns, and for each row the other values.
     */
    private const STATEMENT = 1024;
    private const ROW = 2048;

    /**
     * @var Statements
     */
    private $statements;

    /**
     * @param Statements $statements
     */
    public function __construct(Statements $statements)
    {
        $this->statements = $statements;
    }

    /**
     * Returns whether the values, one for each row, fit.
     *
     * @param AdapterInterface $connection
     * @param string[] $values
     * @return bool
     */
    public function fits(AdapterInterface $connection, array $values): bool
    {
        $others = self::STATEMENT + self::ROW * count($values);
        // Quoting can double them.
        if ($others + 2 * array_sum(array_map('strlen', $values)) <= self::ALWAYS_ACCEPTED) {
            return true;
        }
        $bytes = $others;
        foreach ($values as $value) {
            $bytes += strlen($connection->quote($value));
        }

        return $bytes <= self::ALWAYS_ACCEPTED || $bytes <= $this->limit($connection);
    }

    /**
     * Returns the server's limit in bytes; none if it does not say.
     *
     * It is read each time: a new connection can have another one.
     */
    public function limit(AdapterInterface $connection): int
    {
        return (int)$this->statements->read($connection, 'SELECT @@' . self::SETTING) ?: PHP_INT_MAX;
    }
}
