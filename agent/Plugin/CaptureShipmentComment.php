<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Sales\Model\Order\Shipment\Comment;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Watcher\ShipmentComment;

/**
 * Captures comments that are added to a shipment later: Magento dispatches no event of their own for them.
 */
class CaptureShipmentComment
{
    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var ShipmentComment
     */
    private $comments;

    /**
     * @param Fence $fence
     * @param ShipmentComment $comments
     */
    public function __construct(Fence $fence, ShipmentComment $comments)
    {
        $this->fence = $fence;
        $this->comments = $comments;
    }

    /**
     * Captures the shipment; called within the comment's transaction.
     *
     * @param Comment $comment
     * @param mixed $result
     * @return mixed
     */
    public function afterAfterSave(Comment $comment, $result)
    {
        $this->capture($comment);

        return $result;
    }

    /**
     * Captures the shipment without the deleted comment.
     *
     * @param Comment $comment
     * @param mixed $result
     * @return mixed
     */
    public function afterAfterDelete(Comment $comment, $result)
    {
        $this->capture($comment);

        return $result;
    }

    /**
     * Captures a comment's shipment.
     */
    private function capture(Comment $comment): void
    {
        $this->fence->run(ShipmentComment::SAVED, function () use ($comment): void {
            $this->comments->saved((int)$comment->getParentId());
        });
    }
}
