<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\ResourceConnection;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Fence;

/**
 * Hands over through a table in the store's own database.
 */
class Outbox implements TransportInterface
{
    public const TABLE = 'eventbridge_outbox';

    private const INSERT = 'INSERT INTO %s (store_id, subject, body) VALUES %s';

    /**
     * The size of the column. Magento switches strict mode off, and then the database cuts off what is longer.
     */
    private const MAX_BODY = 16777215;

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var CaptureEncoder
     */
    private $encoder;

    /**
     * @var Statements
     */
    private $statements;

    /**
     * @var StatementSize
     */
    private $size;

    /**
     * @var Fence
     */
    private $fence;

    public function __construct(
        ResourceConnection $resource,
        CaptureEncoder $encoder,
        Statements $statements,
        StatementSize $size,
        Fence $fence
    ) {
        $this->resource = $resource;
        $this->encoder = $encoder;
        $this->statements = $statements;
        $this->size = $size;
        $this->fence = $fence;
    }

    public function isAvailable(): bool
    {
        return true;
    }

    public function isTransactional(): bool
    {
        return true;
    }

    /**
     * Writes the captures, many in one statement. One that the database cannot hold is logged and left out.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        foreach ($this->encoder->batches($captures) as $batch) {
            if ($this->fits($batch)) {
                $this->write($captures, $batch);
                continue;
            }
            foreach ($batch as $key => $body) {
                if ($this->fits([$key => $body])) {
                    $this->write($captures, [$key => $body]);
                } else {
                    $this->logTooLarge($captures[$key], strlen($body));
                }
            }
        }
    }

    /**
     * Returns whether the database accepts the bodies in one statement.
     */
    private function fits(array $bodies): bool
    {
        return max(array_map('strlen', $bodies)) <= self::MAX_BODY
            && $this->size->fits($this->resource->getConnection(), $bodies);
    }

    /**
     * Writes bodies by the keys of their captures.
     *
     * @param Capture[] $captures
     * @param string[] $bodies
     * @return void
     */
    private function write(array $captures, array $bodies): void
    {
        $values = [];
        foreach ($bodies as $key => $body) {
            array_push($values, $captures[$key]->getStoreId(), $captures[$key]->getSubject(), $body);
        }
        $connection = $this->resource->getConnection();
        $insert = sprintf(
            self::INSERT,
            $connection->quoteIdentifier($this->resource->getTableName(self::TABLE)),
            implode(', ', array_fill(0, count($bodies), '(?, ?, ?)'))
        );
        $this->statements->write($connection, [[$insert, $values]]);
    }

    private function logTooLarge(Capture $capture, int $bytes): void
    {
        $limit = $this->size->limit($this->resource->getConnection());
        $this->fence->logLost(
            sprintf(
                'it has %d bytes of JSON, and the database accepts %d bytes in a column and %d in a statement (%s)',
                $bytes,
                self::MAX_BODY,
                $limit,
                StatementSize::SETTING
            ),
            [$capture]
        );
    }
}
