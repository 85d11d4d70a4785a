<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use MagentoEventBridge\Agent\FullDetail\ViewCodes;

/**
 * Creates captures.
 */
class Captures
{
    /**
     * @var CaptureId
     */
    private $ids;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var Context
     */
    private $context;

    /**
     * @var ViewCodes
     */
    private $views;

    /**
     * @param CaptureId $ids
     * @param ExecutionContext $execution
     * @param Context $context
     * @param ViewCodes $views
     */
    public function __construct(CaptureId $ids, ExecutionContext $execution, Context $context, ViewCodes $views)
    {
        $this->ids = $ids;
        $this->execution = $execution;
        $this->context = $context;
        $this->views = $views;
    }

    /**
     * Returns a capture of an event that happens now.
     */
    public function make(string $event, int $storeId, ?string $subject): Capture
    {
        $time = microtime(true);

        return new Capture(
            $this->ids->next($time),
            $event,
            round($time, 4),
            $this->execution->getArea(),
            $storeId,
            $subject,
            $this->context->at($time, $storeId),
            $this->views->of($storeId)
        );
    }
}
