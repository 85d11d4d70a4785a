<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\ResourceConnection;
use MagentoEventBridge\Agent\Capture\Capture;

/**
 * Hands over through a table in the store's own database.
 */
class Outbox implements TransportInterface
{
    public const TABLE = 'eventbridge_outbox';

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var CaptureEncoder
     */
    private $encoder;

    public function __construct(ResourceConnection $resource, CaptureEncoder $encoder)
    {
        $this->resource = $resource;
        $this->encoder = $encoder;
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
     * Writes the captures, many in one statement: a statement has a limit (max_allowed_packet), which is
     * 4 MB or less on some servers, and one that is over it costs the shop's whole transaction.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        foreach ($this->encoder->batches($captures) as $batch) {
            $rows = [];
            foreach ($batch as $key => $body) {
                $rows[] = [
                    'store_id' => $captures[$key]->getStoreId(),
                    'subject' => $captures[$key]->getSubject(),
                    'body' => $body,
                ];
            }
            $this->write($rows);
        }
    }

    private function write(array $rows): void
    {
        $this->resource->getConnection()->insertMultiple($this->resource->getTableName(self::TABLE), $rows);
    }
}
