<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Fence;

/**
 * Encodes captures as JSON, in batches that a statement or a request can hold.
 *
 * A capture that cannot be encoded is logged and left out, so that it costs no other capture.
 */
class CaptureEncoder
{
    /**
     * The size of a batch, unless a single capture is larger. Quoting in SQL can double it.
     */
    private const BYTES_PER_BATCH = 262144;

    /**
     * @var Fence
     */
    private $fence;

    public function __construct(Fence $fence)
    {
        $this->fence = $fence;
    }

    /**
     * Returns the JSON of the captures in batches, each by the keys of its captures.
     *
     * @param Capture[] $captures
     * @param bool $isQueued whether they go through Magento's message queue
     * @return iterable|string[][]
     */
    public function batches(array $captures, bool $isQueued = false): iterable
    {
        $batch = [];
        $bytes = 0;
        foreach ($captures as $key => $capture) {
            $json = $this->encode($capture, $isQueued);
            if ($json === null) {
                continue;
            }
            if ($batch && $bytes + strlen($json) > self::BYTES_PER_BATCH) {
                yield $batch;
                $batch = [];
                $bytes = 0;
            }
            $batch[$key] = $json;
            $bytes += strlen($json);
        }
        if ($batch) {
            yield $batch;
        }
    }

    private function encode(Capture $capture, bool $isQueued): ?string
    {
        try {
            return $this->json($capture, $isQueued);
        } catch (\Throwable $failure) {
            $this->fence->logLostBy($failure, [$capture]);

            return null;
        }
    }

    /**
     * Returns the JSON. What JSON cannot hold, as an infinite number that another module computed, costs a value only.
     */
    private function json(Capture $capture, bool $isQueued): string
    {
        try {
            return $capture->toJson($isQueued);
        } catch (\JsonException $failure) {
            $this->fence->log('encoding a value of ' . $capture->getEvent() . ', which is 0 or null now', $failure);

            return $capture->toJson($isQueued, JSON_PARTIAL_OUTPUT_ON_ERROR);
        }
    }
}
