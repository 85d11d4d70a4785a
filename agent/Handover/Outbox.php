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

    /**
     * The size of the captures in a statement; quoting can double it.
     */
    private const BYTES_PER_STATEMENT = 262144;

    /**
     * @var ResourceConnection
     */
    private $resource;

    /**
     * @var Fence
     */
    private $fence;

    public function __construct(ResourceConnection $resource, Fence $fence)
    {
        $this->resource = $resource;
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
     * Writes the captures, many in one statement: a statement has a limit (max_allowed_packet), which is
     * 4 MB or less on some servers, and one that is over it costs the shop's whole transaction.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        $rows = [];
        $bytes = 0;
        foreach ($captures as $capture) {
            $body = $this->encode($capture);
            if ($body === null) {
                continue;
            }
            if ($rows && $bytes + strlen($body) > self::BYTES_PER_STATEMENT) {
                $this->write($rows);
                $rows = [];
                $bytes = 0;
            }
            $rows[] = [
                'store_id' => $capture->getStoreId(),
                'subject' => $capture->getSubject(),
                'body' => $body,
            ];
            $bytes += strlen($body);
        }
        if ($rows) {
            $this->write($rows);
        }
    }

    /**
     * Returns a capture as JSON; null if it cannot be encoded: only this capture is lost.
     */
    private function encode(Capture $capture): ?string
    {
        $body = null;
        $this->fence->run('encoding a capture of ' . $capture->getEvent(), function () use ($capture, &$body): void {
            $body = $capture->toJson();
        });

        return $body;
    }

    private function write(array $rows): void
    {
        $this->resource->getConnection()->insertMultiple($this->resource->getTableName(self::TABLE), $rows);
    }
}
