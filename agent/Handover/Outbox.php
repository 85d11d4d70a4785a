<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\ResourceConnection;

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

    public function __construct(ResourceConnection $resource)
    {
        $this->resource = $resource;
    }

    public function isTransactional(): bool
    {
        return true;
    }

    /**
     * Writes all captures in one statement.
     *
     * @param \MagentoEventBridge\Agent\Capture\Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        $rows = [];
        foreach ($captures as $capture) {
            $rows[] = [
                'store_id' => $capture->getStoreId(),
                'subject' => $capture->getSubject(),
                'body' => $capture->toJson(),
            ];
        }
        $this->resource->getConnection()->insertMultiple($this->resource->getTableName(self::TABLE), $rows);
    }
}
